// Shows that a plugin's module is loaded: it only marks the page.
document.documentElement.dataset.dummy = "loaded";
