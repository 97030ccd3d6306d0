"""From a COCO data set and a Ray cluster to the best ensemble it can find."""
