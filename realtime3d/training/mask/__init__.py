"""What hides a face: labelled photographs, things pasted in front of them, and the small net that tells them apart."""
