"""Makes projects: from videos and images, and from files of other tools. ``import_formats`` lists the formats."""
