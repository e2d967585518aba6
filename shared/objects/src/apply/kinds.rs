//! The lists and maps of Kubernetes' own kinds, as its OpenAPI marks them (`x-kubernetes-list-type`,
//! `-map-keys`, `-map-type`).

use super::Schema;

impl Schema {
    /// The schema of one of Kubernetes' own kinds; of any other, [`Schema::object`].
    pub fn of_kind(group: &str, kind: &str) -> Self {
        let object = Self::object();
        match (group, kind) {
            ("", "Pod") => pod(object, "spec").list_map("status.conditions", "type"),
            (
                "" | "apps",
                "ReplicationController" | "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet",
            ) => {
                let workload = object.atomic("spec.selector").list_map("status.conditions", "type");
                pod(workload, "spec.template.spec")
            }
            ("batch", "Job") => pod(object.atomic("spec.selector"), "spec.template.spec"),
            ("batch", "CronJob") => {
                let job = object.atomic("spec.jobTemplate.spec.selector").atomic("status.active[]");
                pod(job, "spec.jobTemplate.spec.template.spec")
            }
            ("", "Service") => object
                .atomic("spec.selector")
                .list_map("spec.ports", "port protocol=TCP")
                .list_map("status.conditions", "type"),
            ("", "ServiceAccount") => object.list_map("secrets", "name").atomic("imagePullSecrets[]"),
            ("", "Namespace" | "Node" | "PersistentVolumeClaim") => object
                .atomic("spec.selector")
                .atomic("spec.dataSource")
                .set("spec.podCIDRs")
                .list_map("status.conditions", "type")
                .list_map("status.addresses", "type"),
            ("rbac.authorization.k8s.io", _) => {
                object.atomic("roleRef").atomic("aggregationRule.clusterRoleSelectors[]")
            }
            ("networking.k8s.io", "NetworkPolicy") => object.atomic("spec.podSelector"),
            ("policy", "PodDisruptionBudget") => {
                object.atomic("spec.selector").list_map("status.conditions", "type")
            }
            ("autoscaling", "HorizontalPodAutoscaler") => object.list_map("status.conditions", "type"),
            ("admissionregistration.k8s.io", _) => object.list_map("webhooks", "name"),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                object.list_map("status.conditions", "type")
            }
            _ => object,
        }
    }
}

fn pod(mut schema: Schema, at: &str) -> Schema {
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        schema = container(
            schema.list_map(&format!("{at}.{containers}"), "name"),
            &format!("{at}.{containers}[]"),
        );
    }
    schema
        .atomic(&format!("{at}.nodeSelector"))
        .list_map(&format!("{at}.volumes"), "name")
        .list_map(&format!("{at}.imagePullSecrets"), "name")
        .list_map(&format!("{at}.hostAliases"), "ip")
        .list_map(&format!("{at}.resourceClaims"), "name")
        .list_map(&format!("{at}.schedulingGates"), "name")
        .list_map(&format!("{at}.topologySpreadConstraints"), "topologyKey whenUnsatisfiable")
}

fn container(schema: Schema, at: &str) -> Schema {
    schema
        .list_map(&format!("{at}.ports"), "containerPort protocol=TCP")
        .list_map(&format!("{at}.env"), "name")
        .list_map(&format!("{at}.volumeMounts"), "mountPath")
        .list_map(&format!("{at}.volumeDevices"), "devicePath")
        .list_map(&format!("{at}.resources.claims"), "name")
        // References are replaced as a whole.
        .atomic(&format!("{at}.env[].valueFrom.*"))
}
