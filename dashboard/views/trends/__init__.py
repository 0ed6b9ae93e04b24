"""The trends page: how did risk move over the weeks."""
