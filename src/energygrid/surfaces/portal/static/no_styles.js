"use strict";
// Plotly brings a style element for maps, which are not drawn here and which the page's policy does not let in.
const append = document.head.appendChild;
document.head.appendChild = (node) => (node instanceof HTMLStyleElement ? node : append.call(document.head, node));
