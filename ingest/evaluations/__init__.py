"""What people and judges say about answers, matched with the answers."""
