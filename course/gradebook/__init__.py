"""From records to grades: who is who, what is counted, what was said by hand, other programs."""
