"""What hides a face: the mask net on people and things that it was not trained on."""
