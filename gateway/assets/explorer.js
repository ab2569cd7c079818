// Starts the explorer over the merged document. In a file of its own, since the page allows no inline script.
"use strict";

window.explorer = window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#explorer",
  deepLinking: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  displayRequestDuration: true,
  filter: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  supportedSubmitMethods: ["get", "head", "post", "put", "patch", "delete"],
});
