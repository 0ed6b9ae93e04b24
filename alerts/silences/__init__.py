"""Of what nobody is told, and until when."""
