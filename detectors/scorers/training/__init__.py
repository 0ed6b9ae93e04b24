"""Training of the weights of the learned scorers, and the model cards that say how good they are.

``python -m detectors.scorers.training --data DIR`` writes `detectors/scorers/weights/`. Nothing here runs in
the stream.
"""
