/** A kubeconfig of one context, `lab`, for the bearer of a token. JSON is YAML. */
export function kubeconfigOf({ server, ca, token }: { readonly server: string; readonly ca: string; readonly token: string }): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: "lab", user: { token } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
    "current-context": "lab",
  });
}
