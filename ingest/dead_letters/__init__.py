"""What could not be processed: kept, shown, sent again; and when to stop instead."""
