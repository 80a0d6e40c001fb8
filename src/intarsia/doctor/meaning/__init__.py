"""What the values of masks mean, where nobody wrote it down."""
