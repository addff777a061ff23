"""Methods of one's own as engines: a YAML file names a command, and pictures go to it and come back as files."""
