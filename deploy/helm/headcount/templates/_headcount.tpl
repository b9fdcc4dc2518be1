{{- define "headcount.labels" -}}
app.kubernetes.io/name: headcount
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "headcount.shared" -}}
{{- if or .Values.state.url .Values.state.urlSecret.name }}true{{ end -}}
{{- end -}}

{{- define "headcount.checks" -}}
{{- $token := "" -}}
{{- range .Values.config.tokens }}{{ $token = .sha256 }}{{ end -}}
{{- if not $token }}{{ fail "config.tokens: the admin listener needs a token; set sha256 to what `printf %s \"$TOKEN\" | sha256sum` prints" }}{{ end -}}
{{- if and (gt (int .Values.replicas) 1) (not (include "headcount.shared" .)) }}{{ fail "replicas: more than one needs state.url, or each counts for itself and limits multiply; set state.url or replicas: 1" }}{{ end -}}
{{- $ports := list (int .Values.ports.check) (int .Values.ports.admin) -}}
{{- range $name := list "grpc" "spoe" "webhooks" }}{{ $one := index $.Values $name }}{{ if $one.enabled }}{{ $ports = append $ports (int $one.port) }}{{ end }}{{ end -}}
{{- if ne (len $ports) (len (uniq $ports)) }}{{ fail "ports: two listeners have the same one; change ports, grpc.port, spoe.port or webhooks.port" }}{{ end -}}
{{- if not (has .Values.mode (list "service" "sidecar")) }}{{ fail "mode: one of service, sidecar" }}{{ end -}}
{{- end -}}

{{/* The container, without what differs between the two modes. */}}
{{- define "headcount.container" -}}
name: headcount
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.extraArgs }}
args: {{- concat (list "headcount" "serve") . | toYaml | nindent 2 }}
{{- end }}
env:
  - {name: HEADCOUNT_LISTEN, value: "0.0.0.0:{{ .Values.ports.check }}"}
  - {name: HEADCOUNT_ADMIN, value: "0.0.0.0:{{ .Values.ports.admin }}"}
  {{- range $name := list "grpc" "spoe" "webhooks" }}
  {{- $one := index $.Values $name }}
  {{- if $one.enabled }}
  - {name: HEADCOUNT_{{ upper $name }}, value: "0.0.0.0:{{ $one.port }}"}
  {{- end }}
  {{- end }}
  - name: HEADCOUNT_HASH_KEY
    valueFrom: {secretKeyRef: {name: {{ .Values.hashKeySecret.name }}, key: {{ .Values.hashKeySecret.key }}}}
  - name: HEADCOUNT_STATE
  {{- if .Values.state.urlSecret.name }}
    valueFrom: {secretKeyRef: {name: {{ .Values.state.urlSecret.name }}, key: {{ .Values.state.urlSecret.key }}}}
  {{- else if .Values.state.url }}
    value: {{ .Values.state.url | quote }}
  {{- else }}
    value: /var/lib/headcount/state.db
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: check, containerPort: {{ .Values.ports.check }}}
  - {name: admin, containerPort: {{ .Values.ports.admin }}}
  {{- range $name := list "grpc" "spoe" "webhooks" }}
  {{- $one := index $.Values $name }}
  {{- if $one.enabled }}
  - {name: {{ $name }}, containerPort: {{ $one.port }}}
  {{- end }}
  {{- end }}
startupProbe: {httpGet: {path: /healthz, port: check}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {httpGet: {path: /healthz, port: check}, periodSeconds: 10, failureThreshold: 3}
readinessProbe: {httpGet: {path: /readyz, port: check}, periodSeconds: 2, failureThreshold: 2}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: config, mountPath: /etc/headcount, readOnly: true}
  - {name: state, mountPath: /var/lib/headcount}
{{- end -}}

{{- define "headcount.volumes" -}}
- name: config
  configMap: {name: {{ .Release.Name }}-headcount}
- name: state
{{- if include "headcount.shared" . }}
  emptyDir: {}
{{- else if eq .Values.mode "sidecar" }}
  emptyDir: {}
{{- else }}
  persistentVolumeClaim: {claimName: {{ .Release.Name }}-headcount}
{{- end }}
{{- end -}}
