"""The on-ramp: what an application has, what instruments it, and the variables its runtime takes."""
