"use strict";

/* Starts Swagger UI on the document of this very gateway. No address leaves this host: the badge that
   would send the document to an outside validator is off, and the key is never written to storage. */

/* Absolute, since a page whose own address carries user and password may not fetch a relative one:
   browsers refuse addresses with credentials. The origin has none; the browser sends the login it already has. */
const DOCUMENT_URL = `${window.location.origin}/openapi.json`;

/* Swagger UI takes every media type with "json" in its name for JSON and would put the lines of an
   NDJSON example in quotes; they are shown and sent as they stand. */
const LinesAsTheyStand = () => ({
  afterLoad() {
    const sample = this.fn.getSampleSchema;
    this.fn.getSampleSchema = (schema, mediaType, config, example) =>
      /ndjson/.test(mediaType) && typeof example === "string" ? example : sample(schema, mediaType, config, example);
  },
});

/* A browser that shows this page has logged in by Basic already: Authorize asks for the key alone. */
const KeyAlone = () => ({
  statePlugins: {
    auth: {
      wrapSelectors: {
        definitionsToAuthorize: (original) => (...given) => {
          const definitions = original(...given);
          return definitions && definitions.filter((definition) => !definition.has("basic"));
        },
      },
    },
  },
});

/* "Execute" sends the key of Authorize or none. Were the browser's own login sent where only the key is
   taken, the refusal would make the browser forget it, and the links of this page would fail. */
function keyOnly(request) {
  if (!request.loadSpec) {
    request.credentials = "omit";
  }
  return request;
}

window.addEventListener("DOMContentLoaded", () => {
  window.ui = SwaggerUIBundle({
    url: DOCUMENT_URL,
    dom_id: "#api",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    validatorUrl: null,
    requestInterceptor: keyOnly,
    plugins: [LinesAsTheyStand, KeyAlone],
  });
});
