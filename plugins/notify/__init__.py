"""Invites customers by e-mail or SMS, and sends them messages and files any time later."""
