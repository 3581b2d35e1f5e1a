/** A kubeconfig of one server and the bearer of one token, as text. */
export function kubeconfigOf({ port, ca, token }: { readonly port: number; readonly ca: string; readonly token: string }): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "lab", cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
    ],
    users: [{ name: "bearer", user: { token } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "bearer" } }],
    "current-context": "lab",
  });
}
