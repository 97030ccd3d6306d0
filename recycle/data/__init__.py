"""COCO data sets: reading, checking, dividing, drawing, loading."""
