"""The looks that come with Offhook. Each folder is a theme; tenants choose one."""
