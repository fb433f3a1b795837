"""The book: the lessons as a static site, for any host, a sub-path or the file system.

`collect` puts the sources together, `build` has Sphinx render them with the parts in `extension`,
`theme` is how it looks, `words` what it says around the lessons in each language. Nothing here is
imported by a command that does not build the book.
"""
