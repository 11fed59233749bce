"""diagram: says that somebody brought an architecture diagram up to date by hand."""
