"""What people and programs say about answers: the doors, and whom they mean."""
