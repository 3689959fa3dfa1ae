"""Which neurons of a language model represent a feature, how few of them suffice, and do they matter?"""
