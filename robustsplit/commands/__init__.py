"""The commands of the program, a file for each kind of question."""
