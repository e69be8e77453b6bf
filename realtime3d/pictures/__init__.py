"""Many pictures, each by itself: which, what is made of each, and the run over all of them."""
