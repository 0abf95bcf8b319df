"""The two ways to send that come with Offhook."""
