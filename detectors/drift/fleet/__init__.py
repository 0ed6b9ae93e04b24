"""What services share: series over several of them."""
