"""The families that come from mmdet, as edits of the configurations that it ships."""
