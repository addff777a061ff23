"""The user's own methods as engines: a YAML file names a command, which reads pictures from files and writes its
results to files.
"""
