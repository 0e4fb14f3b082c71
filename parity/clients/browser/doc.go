// Package browser loads every page in a headless Chromium, clicks through it, looks for errors, requests to other hosts and what keeps
// people from using it, and keeps pictures in docs/pictures. It is a module of its own, so that nobody else carries what it needs.
//
// make browser runs it; GOKASIM_CHROMIUM names the browser, chromium or google-chrome unless set. npm fetches axe-core, whose rules every page
// is held to, light and dark, wide and narrow; without npm our own rules are left.
package browser
