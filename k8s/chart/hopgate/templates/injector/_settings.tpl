{{/* What `hopgate inject` puts into pods. */}}
{{- define "hopgate.injector.settings" -}}
{{- with .Values.sidecar -}}
hopgate:
  image: {{ include "hopgate.image" $ | quote }}
  image_pull_policy: {{ $.Values.image.pullPolicy }}
  resources:
    {{- toYaml .resources | nindent 4 }}
envoy:
  image: {{ .envoy.image | quote }}
  image_pull_policy: {{ .envoy.pullPolicy }}
  concurrency: {{ .envoy.concurrency }}
  resources:
    {{- toYaml .envoy.resources | nindent 4 }}
{{- with .certificate }}
certificate:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
