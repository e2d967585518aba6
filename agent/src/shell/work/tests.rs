use super::*;
use crate::{
    journal::{
        Place,
        secrets_tests::{Api, runtime},
    },
    seals::Keys,
    tests::kubernetes::Kubernetes,
};
use parking_lot::Mutex;
use serde_json::json;
use shared_runtime::Tasks;

#[test]
fn an_agent_that_may_have_been_replaced_writes_nothing() {
    let api = Api::default();
    let kubernetes = Kubernetes::new("u1");
    let runtime = runtime();
    let _inside = runtime.enter();
    let journal = Arc::new(Journal::open(&Place::Secrets(api.secrets())).unwrap());
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
    let id = ObjectId::of(&object);
    let ask = |action: Action| {
        let cluster = Cluster::from_service(kubernetes.clone(), "default");
        let asking = Asking {
            seals: Arc::new(Seals::new(
                Keys::Secret("flotilla-agent".into()),
                shared_sops::Reach::Bound,
                cluster.clone(),
            )),
            cluster,
            limit: Limit::new(),
            gate: Gate::default(),
            journal: Arc::clone(&journal),
            metrics: Metrics::default(),
        };
        let application = AppKey::new("argocd", "orders");
        let write = action.is_write();
        let request = Request { application, action, version: None, heals: false, write, forbidden: None };
        let told = Mutex::new(Vec::new());
        runtime.block_on(asking.perform(request, |done| told.lock().push(done)));
        let done = told.into_inner().pop().unwrap();
        let Done::Answered { event, .. } = done else { panic!("{done:?}") };
        *event
    };
    let how = Write { method: Method::Apply, recreate: false, validate: true };
    let apply = || ask(Action::Apply { id: id.clone(), object: Arc::new(object.clone()), how });
    let applied = apply();
    assert!(matches!(applied, Event::Applied(_, Ok(_))), "{applied:?}");
    // It was stopped for long, another took over, and this one has just found that out.
    api.give_lease("another");
    runtime.block_on(Arc::clone(&journal).keep(Tasks::new()));
    let writes = kubernetes.writes().len();
    let refused = apply();
    let Event::Applied(_, Err(Refusal::Unreachable(why))) = &refused else { panic!("{refused:?}") };
    assert!(why.contains("Lease could not be renewed in time"), "{why}");
    assert_eq!(kubernetes.writes().len(), writes);
    // Looking is no harm.
    let seen = ask(Action::Get(id.clone()));
    assert!(matches!(seen, Event::Live(_, Some(_))), "{seen:?}");
}
