"use strict";
const place = document.getElementById("swagger-ui");
window.SwaggerUIBundle({ domNode: place, url: place.dataset.openapi, deepLinking: true, validatorUrl: null });
