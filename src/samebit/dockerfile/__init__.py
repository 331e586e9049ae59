"""Dockerfiles: lossless parser, stages, expansion, configuration evaluator, lowering."""
