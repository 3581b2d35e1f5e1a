// Stands in for `node-fetch` inside the bundle: the Kubernetes client imports it for calls that Herald never makes, and it would bring 400 KiB along,
// with a deprecation warning of `punycode` on newer Nodes.
const { fetch, FormData, Headers, Request, Response } = globalThis;

export { FormData, fetch as default, Headers, Request, Response };
