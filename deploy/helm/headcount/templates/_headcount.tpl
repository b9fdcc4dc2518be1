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
{{- if and .Values.networkPolicy.enabled (eq .Values.mode "service") (not .Values.networkPolicy.gateways) }}{{ fail "networkPolicy.gateways: empty, so no gateway could ask; name the gateways' pods" }}{{ end -}}
{{- if not (has .Values.mode (list "service" "sidecar")) }}{{ fail "mode: one of service, sidecar" }}{{ end -}}
{{- end -}}

{{/* Bytes of the container: both processes at their bounds, and 256 MiB for what lives briefly, such as previews. */}}
{{- define "headcount.memory" -}}
{{- $memory := .Values.config.memory | default dict -}}
{{- add (int64 ($memory.sidecar | default 2147483648)) (int64 ($memory.linker | default 2147483648)) 268435456 -}}
{{- end -}}

{{/* The address of the listeners of gateways: in the sidecar mode the gateway is in the same pod. */}}
{{- define "headcount.inside" -}}
{{- if eq .Values.mode "sidecar" }}127.0.0.1{{ else }}0.0.0.0{{ end -}}
{{- end -}}

{{/* The ports that other pods may reach, as name=number. */}}
{{- define "headcount.ports" -}}
{{- $found := list (printf "admin=%v" .Values.ports.admin) -}}
{{- if eq .Values.mode "service" }}{{ $found = prepend $found (printf "check=%v" .Values.ports.check) }}{{ end -}}
{{- range $name := list "grpc" "spoe" "webhooks" }}{{ $one := index $.Values $name -}}
{{- if and $one.enabled (or (eq $name "webhooks") (eq $.Values.mode "service")) }}{{ $found = append $found (printf "%s=%v" $name $one.port) }}{{ end }}{{ end -}}
{{- join " " $found -}}
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
  - {name: HEADCOUNT_LISTEN, value: "{{ include "headcount.inside" . }}:{{ .Values.ports.check }}"}
  - {name: HEADCOUNT_ADMIN, value: "0.0.0.0:{{ .Values.ports.admin }}"}
  {{- range $name := list "grpc" "spoe" "webhooks" }}
  {{- $one := index $.Values $name }}
  {{- if $one.enabled }}
  - {name: HEADCOUNT_{{ upper $name }}, value: "{{ if eq $name "webhooks" }}0.0.0.0{{ else }}{{ include "headcount.inside" $ }}{{ end }}:{{ $one.port }}"}
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
  {{- range (splitList " " (include "headcount.ports" .)) }}
  {{- $one := splitList "=" . }}
  - {name: {{ index $one 0 }}, containerPort: {{ index $one 1 }}}
  {{- end }}
{{- $probed := ternary "admin" "check" (eq .Values.mode "sidecar") }}
startupProbe: {httpGet: {path: /healthz, port: {{ $probed }}}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {httpGet: {path: /healthz, port: {{ $probed }}}, periodSeconds: 10, failureThreshold: 3}
readinessProbe: {httpGet: {path: /readyz, port: {{ $probed }}}, periodSeconds: 2, failureThreshold: 2}
resources: {{- mergeOverwrite (dict "limits" (dict "memory" (include "headcount.memory" .))) (deepCopy .Values.resources) | toYaml | nindent 2 }}
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
