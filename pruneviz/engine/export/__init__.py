"""Keeping it: a smaller network as a folder that anybody can load, with this app, with plain torch, or with ONNX Runtime."""
