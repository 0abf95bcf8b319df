"""Chat: the conversation of a session, quick responses, attachments and the widget."""
