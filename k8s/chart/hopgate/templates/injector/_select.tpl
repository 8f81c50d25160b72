{{/* Pods with the label, whatever its value: what is neither "true" nor "false" is refused, not passed over. */}}
{{- define "hopgate.injector.select.pod" -}}
objectSelector: { matchExpressions: [{ key: hopgate.dev/inject, operator: Exists }] }
namespaceSelector:
  matchExpressions:
    {{- include "hopgate.injector.notIn" . | nindent 4 }}
{{- end -}}

{{/* All pods of a namespace with the label, unless they say something themselves. */}}
{{- define "hopgate.injector.select.namespace" -}}
objectSelector: { matchExpressions: [{ key: hopgate.dev/inject, operator: DoesNotExist }] }
namespaceSelector:
  matchLabels: { hopgate.dev/inject: "true" }
  matchExpressions:
    {{- include "hopgate.injector.notIn" . | nindent 4 }}
{{- end -}}

{{/* Where nobody is held up: what the cluster mends itself with, and the injector. */}}
{{- define "hopgate.injector.notIn" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values:
    {{- range concat (list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace) .Values.injector.excludedNamespaces | uniq }}
    - {{ . | quote }}
    {{- end }}
{{- end -}}
