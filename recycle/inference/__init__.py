"""Prediction of images by trained networks."""
