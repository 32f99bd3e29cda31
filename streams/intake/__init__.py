"""The intake: the Faust application that validates, de-duplicates, routes and stores what arrives on the topics."""
