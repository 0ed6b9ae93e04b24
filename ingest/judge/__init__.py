"""An external judge: a model behind an API that rates a sample of stored interactions, off the stream."""
