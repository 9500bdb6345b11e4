"""Models of buying and spending, one paper a file, and the numbers they take."""
