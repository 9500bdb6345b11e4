{{/* Names, labels, and what the program makes of its settings. */}}

{{- define "ltv.fullname" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "ltv.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* Of a component: (dict "root" $ "component" "worker"). */}}
{{- define "ltv.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "ltv.labels" -}}
{{ include "ltv.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "ltv.appId" -}}
{{- .Values.settings.LTV_APP_ID | default "ltv" -}}
{{- end -}}

{{/* The consumer group of a build: the id, and from the second build on its number. */}}
{{- define "ltv.group" -}}
{{- $build := .Values.settings.LTV_BUILD | default 1 | int -}}
{{- if eq $build 1 -}}{{ include "ltv.appId" . }}{{- else -}}{{ include "ltv.appId" . }}-v{{ $build }}{{- end -}}
{{- end -}}

{{/* The topics that are read, by role. */}}
{{- define "ltv.sources" -}}
purchases: {{ .Values.settings.LTV_TOPIC_PURCHASES | default "purchases" }}
signups: {{ .Values.settings.LTV_TOPIC_SIGNUPS | default "signups" }}
activity: {{ .Values.settings.LTV_TOPIC_ACTIVITY | default "activity" }}
{{- end -}}
