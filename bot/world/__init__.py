"""One file or package per outside thing, each hides one library."""
