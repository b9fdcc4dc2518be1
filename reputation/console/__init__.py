"""The files of the console's page, which the admin listener serves: plain modules, no build."""
