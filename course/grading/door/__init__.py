"""The one door through which everything that is handed in comes.

`sources` finds what a folder holds and whose it is, `reading` starts a reader for one of them: a
process of its own with limits, which opens archives and repositories, decides where each file
belongs (`placing`) and ends in a plain record: paths inside ``tinymlx/``, their text, notes, or one
sentence that says why there is nothing. Nothing of a submission is imported, unpickled or run.
"""
